"""Who does the work: ACP client, journal, session state, runner, control protocol, policy and budget."""
