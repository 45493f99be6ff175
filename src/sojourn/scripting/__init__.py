"""Server-side JavaScript: runtimes in worker processes, environments, the host API of scripts, files, runners."""
