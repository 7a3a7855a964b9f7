"""Carries out what policy decides."""
