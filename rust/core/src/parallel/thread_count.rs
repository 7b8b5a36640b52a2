//! How many threads computations use where nobody has said so: the one place that asks the environment.

/// The environment variables that are read, in this order: the name of the crate that the threads come from, a
/// name of our own, and the one that programs limit the threads of all libraries by.
const OWN_VARIABLES: [&str; 2] = ["RAYON_NUM_THREADS", "KOBAI_NUM_THREADS"];
const SHARED_VARIABLE: &str = "OMP_NUM_THREADS";

/// The most threads there ever are.
pub const MAX_THREADS: usize = 1024;

/// What the environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Setting {
    /// Nothing, or 0, which means the same.
    Default,
    Count(usize),
    /// Something that is no number of threads.
    Meaningless(String),
}

impl Setting {
    fn of_variable(variable: &str) -> Self {
        let text = std::env::var_os(variable);
        text.map_or(Self::Default, |text| Self::parse(&text.to_string_lossy()))
    }

    /// What the variable says that other libraries read, too: a list has a number for each level of nested
    /// parallel regions. What is meaningless there is for others to complain about.
    fn of_shared_variable() -> Self {
        let text = std::env::var_os(SHARED_VARIABLE).unwrap_or_default();
        let text = text.to_string_lossy();
        match Self::parse(text.split(',').next().unwrap_or_default()) {
            Self::Count(count) => Self::Count(count.min(cores())),
            _ => Self::Default,
        }
    }

    fn parse(text: &str) -> Self {
        match text.trim().parse() {
            Ok(0) => Self::Default,
            Ok(count @ 1..=MAX_THREADS) => Self::Count(count),
            _ => Self::Meaningless(text.to_owned()),
        }
    }
}

/// The number the environment sets, else the number of cores this process may use.
#[must_use]
pub fn default_threads() -> usize {
    let own = OWN_VARIABLES.into_iter().map(Setting::of_variable);
    let mut settings = own.chain([Setting::of_shared_variable()]);
    let count = settings.find_map(|setting| match setting {
        Setting::Count(count) => Some(count),
        Setting::Default | Setting::Meaningless(_) => None,
    });
    count.unwrap_or_else(cores)
}

/// The number of cores that this process may use.
#[must_use]
pub fn cores() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.min(MAX_THREADS)
}

/// What is wrong with the environment's number of threads, if anything is.
#[must_use]
pub fn complaint() -> Option<String> {
    OWN_VARIABLES.into_iter().find_map(|variable| {
        let Setting::Meaningless(text) = Setting::of_variable(variable) else {
            return None;
        };
        Some(format!(
            "{variable} must be a number of threads in 1..{MAX_THREADS}, or 0 for one a core, got \
             {text:?}: {} are used, one a core",
            default_threads()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_within_the_bound_is_taken_and_nothing_else() {
        for (text, count) in [("1", 1), (" 3\n", 3), ("+4", 4), ("1024", MAX_THREADS)] {
            assert_eq!(Setting::parse(text), Setting::Count(count), "{text}");
        }
        assert_eq!(Setting::parse("0"), Setting::Default);
        for text in [
            "",
            " ",
            "abc",
            "-1",
            "2.0",
            "1025",
            "1000000",
            "18446744073709551616",
        ] {
            let wanted = Setting::Meaningless(text.to_owned());
            assert_eq!(Setting::parse(text), wanted, "{text}");
        }
    }
}
