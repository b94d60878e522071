"""What the service does: its queries, its rules, its errors; no HTTP, and no commit."""
