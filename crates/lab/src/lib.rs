//! Real servers for tests and for trials by hand. Empty until the first driver needs one; it never installs anything.
