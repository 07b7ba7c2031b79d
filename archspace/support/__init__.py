"""What every package stands on: errors, registries, files, locks and plug-ins."""
