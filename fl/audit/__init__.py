"""The audit: a consortium replayed from genesis, every record and every file, with findings."""
