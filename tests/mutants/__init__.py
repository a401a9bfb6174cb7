"""Would the tests notice? Faults planted one at a time in copies of the package, each run against its tests."""
