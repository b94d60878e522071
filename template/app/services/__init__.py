"""Services: business logic and queries; they know no HTTP, and never commit."""
