"""What is shipped for those who deploy: alerts, dashboards, charts, units, and their pages."""
