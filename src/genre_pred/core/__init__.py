"""Shared foundations: errors, tables, files, arrays, caches, downloads, one map over clips."""
