"""Files of scripts: on disk below the roots of ``ufs:``, in the engine database as ``vfs:``, and whose they are."""
