"""The ledger: nothing lost, nothing twice."""
