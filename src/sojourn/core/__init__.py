"""What every layer may use: errors, time, identifiers, JSON, cryptography. No I/O."""
