//! From a table of settings to a configuration whose tasks are known.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::settings::{self, distinct};
use crate::task::{Needs, Task};

/// Lays a table of settings, as a person wrote it, over the defaults that its `dataset`, `net` and `profile` choose. Each of the tasks, run or
/// not, may have a section.
///
/// **Errors**: an unknown key, a value of another type, an unknown task. Ranges are checked by [`check`].
pub fn configure(mut written: toml::Table, tasks: &[&dyn Task]) -> Result<Config> {
    let sections: Vec<_> = tasks.iter().map(|task| written.remove(task.name())).collect();
    let shared = settings::keys::<Config>();
    if let Some(key) = written.keys().find(|key| !shared.contains(&key.as_str())) {
        let defaults = Config::from_table(toml::Table::new())?;
        let sections = tasks.iter().filter(|task| task.defaults(&defaults).is_some()).map(|task| task.name());
        let names: Vec<&str> = shared.iter().copied().chain(sections).collect();
        return Err(Error::Config(format!("unknown key `{key}`, expected one of {}", names.join(", "))));
    }
    let mut config = Config::from_table(written)?;
    for (task, section) in tasks.iter().zip(sections) {
        match (task.defaults(&config), section) {
            (Some(defaults), Some(written)) => {
                config.sections.set(task.name(), defaults.laid_over(task.name(), written)?);
            }
            (Some(defaults), None) => config.sections.set(task.name(), defaults),
            (None, None) => {}
            (None, Some(_)) => return Err(Error::Config(format!("[{0}]: the task {0} has no settings", task.name()))),
        }
    }
    complete(config, tasks)
}

/// Adds what a configuration leaves to its tasks: their names if it names none, and the default settings of those that have no section yet.
///
/// **Errors**: it names a task that is not among them, or one twice.
pub fn complete(mut config: Config, tasks: &[&dyn Task]) -> Result<Config> {
    if config.tasks.is_empty() {
        config.tasks = tasks.iter().map(|task| task.name().to_owned()).collect();
    }
    for task in tasks {
        if !config.sections.names().any(|name| name == task.name())
            && let Some(defaults) = task.defaults(&config)
        {
            config.sections.set(task.name(), defaults);
        }
    }
    distinct("tasks", &config.tasks.iter().map(String::as_str).collect::<Vec<_>>())?;
    chosen(&config, tasks)?;
    Ok(config)
}

/// The tasks that a configuration names, in its order.
///
/// **Errors**: one that is not among `tasks`.
pub(crate) fn chosen<'a>(config: &Config, tasks: &[&'a dyn Task]) -> Result<Vec<&'a dyn Task>> {
    let find = |name: &String| {
        tasks.iter().copied().find(|task| task.name() == name).ok_or_else(|| {
            let names: Vec<&str> = tasks.iter().map(|task| task.name()).collect();
            Error::Config(format!("tasks: `{name}` is none of {}", names.join(", ")))
        })
    };
    config.tasks.iter().map(find).collect()
}

/// Refuses settings that the run could not honor, each with its name, its value and what is allowed. Settings of what the run does not do
/// are not looked at.
pub fn check(config: &Config, tasks: &[&dyn Task]) -> Result<()> {
    let chosen = chosen(config, tasks)?;
    let needs = Needs::of(&chosen);
    config.check_data()?;
    if needs.models {
        config.check_models()?;
    }
    if needs.models || needs.ood_images {
        config.evaluation.check()?;
    }
    distinct("user-ood", &config.user_ood.iter().map(|set| set.name.as_str()).collect::<Vec<_>>())?;
    chosen.iter().try_for_each(|task| task.check(config))
}

#[cfg(test)]
mod tests;
