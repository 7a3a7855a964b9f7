"""The verbs over HTTP, and handles."""
