"""What must hold before a bundle is written."""
