"""What works without a notebook? The command line, the check of this machine, the report."""
