"""The part that stays up: schedule, signals, health and metrics. APScheduler is used here and nowhere else."""
