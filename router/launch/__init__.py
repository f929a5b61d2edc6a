"""`shunt launch`: installed agent programs, started with the environment that points them at this router."""
