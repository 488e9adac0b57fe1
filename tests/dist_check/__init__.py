"""What a user gets: every distribution built, looked into, installed into clean environments and run."""
