"""What runs beside the router: Prometheus' rules, Grafana's dashboards, a compose file."""
