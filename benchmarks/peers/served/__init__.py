"""One module a peer, run in the peer's own environment: what its documentation says to write, at its best settings."""
