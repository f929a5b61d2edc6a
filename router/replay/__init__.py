"""What another policy would have done with requests that are over, without calling a model."""
