"""What people see of alerts: a strip on the pages, and a page of its own."""
