"""The promises of the project, one sentence each."""
