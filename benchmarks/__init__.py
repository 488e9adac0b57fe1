"""How fast and how small: this library beside the bare engines and the tutorials' code, in one run."""
