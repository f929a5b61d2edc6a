"""The policy file and the pure decision."""
