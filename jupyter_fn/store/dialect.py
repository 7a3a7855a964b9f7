"""What differs between databases and the nouns need: one import to change when PostgreSQL comes."""

from sqlalchemy.dialects.sqlite import insert

__all__ = ["insert"]
