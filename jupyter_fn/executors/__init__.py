"""Run assignments on workers."""
