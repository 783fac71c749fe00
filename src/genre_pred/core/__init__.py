"""What every room needs: errors, tables, files, arrays, caches, downloads, one map over clips."""
