"""The schema's history, applied by `controlplane.store.migrate`."""
