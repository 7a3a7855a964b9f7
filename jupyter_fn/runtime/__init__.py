"""What travels to workers: zygote, environment, context, metering."""
