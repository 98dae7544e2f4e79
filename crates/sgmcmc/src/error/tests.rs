use super::{ChainError, Divergence, PotentialError};

#[test]
fn causes_are_the_users_own() {
    let error = ChainError::from(PotentialError::fatal(std::io::Error::other("no disk")));
    assert_eq!(error.to_string(), "the potential could not be computed: no disk");
    let ChainError::Potential(PotentialError::Fatal(cause)) = &error else { panic!("{error}") };
    assert!(cause.is::<std::io::Error>());
    assert_eq!(PotentialError::fatal("no disk"), PotentialError::fatal(std::io::Error::other("no disk")));
    assert_ne!(PotentialError::fatal("no disk"), PotentialError::recoverable("no disk"));
    assert_eq!(PotentialError::recoverable("x < 0").to_string(), "the potential is not defined there: x < 0");
}

#[test]
fn a_start_outside_is_said_plainly() {
    let error = ChainError::Start { chain: 2, step: 0, what: Divergence::Potential(f64::INFINITY) };
    assert!(
        error.to_string().starts_with("chain 2 cannot start at step 0: the potential is inf. Start where"),
        "{error}"
    );
}
