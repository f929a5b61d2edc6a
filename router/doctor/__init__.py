"""`shunt doctor`: what keeps this machine, this file and these models from serving, and what to do about it."""
