"""Public data sets fetched from their official hosts: what there is, downloading, unpacking, conversion."""
