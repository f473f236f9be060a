"""From captures to companies."""
