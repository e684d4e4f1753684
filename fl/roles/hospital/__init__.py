"""The hospital: trains, protects its update, delivers it, and checks its part."""
