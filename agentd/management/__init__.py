"""The daemon's HTTP server: what it shows comes from frozen views, so it can't slow a call."""
