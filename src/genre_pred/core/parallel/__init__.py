"""One map over clips, on this machine's cores or on a Dask cluster."""
