"""What callers may use: reserved before a request is sent on, settled after it, released however it ends."""
