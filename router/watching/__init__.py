"""`shunt tail` and `shunt top`: a running router, seen from the terminal."""
