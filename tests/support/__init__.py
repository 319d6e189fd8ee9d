"""What tests of several tiers share: fakes, contract suites, children that misbehave."""
