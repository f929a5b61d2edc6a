"""What an operator deploys beside the router: rules, dashboards, compose file."""
