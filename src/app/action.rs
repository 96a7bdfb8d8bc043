//! The one list of actions. Menu, shortcuts, palette and help are made from it, so that they cannot
//! disagree; a test looks for clashes and for actions that nothing offers.

use super::layout::Layout;
use super::map::Camera;
use super::state::{Lens, Screen, State};

/// Something the user can ask for without an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`label` says what each does, in the user's words")]
pub enum Action {
    OpenDialog,
    OpenDemo,
    ReindexAll,
    CloseAll,
    ShowWelcome,
    ExportSelection,
    Quit,
    FocusSearch,
    OpenPalette,
    ShowGrid,
    ShowMap,
    ShowStatistics,
    ShowWhy,
    ShowCompare,
    ResetLayout,
    MapPan,
    MapLasso,
    MapFit,
    ToggleFilters,
    ToggleInspector,
    ToggleCaptions,
    ZoomIn,
    ZoomOut,
    ToggleTheme,
    FullScreen,
    SaveView,
    ManageViews,
    SelectAll,
    ClearSelection,
    InvertSelection,
    FilterToSelection,
    ExcludeSelection,
    TagSelection,
    CopyKeys,
    RandomSample,
    Inspect,
    Undo,
    Redo,
    ClearFilters,
    ShowModels,
    ShowProblems,
    ShowLog,
    ShowHelp,
    ShowAbout,
}

/// The menu an action stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the menus' own")]
pub enum Menu {
    File,
    View,
    Selection,
    Tools,
    Help,
}

impl Menu {
    /// All menus, left to right.
    pub const ALL: [Self; 5] = [Self::File, Self::View, Self::Selection, Self::Tools, Self::Help];

    /// The menu's title.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Selection => "Selection",
            Self::Tools => "Tools",
            Self::Help => "Help",
        }
    }
}

/// A key with modifiers. `ctrl` is the command key on macOS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shortcut {
    /// Ctrl, or command on macOS.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// The key's name (`A`, `Escape`, `ArrowUp`, `Questionmark`, ..).
    pub key: &'static str,
}

impl Shortcut {
    const fn plain(key: &'static str) -> Self {
        Self { ctrl: false, shift: false, key }
    }

    const fn ctrl(key: &'static str) -> Self {
        Self { ctrl: true, shift: false, key }
    }

    const fn ctrl_shift(key: &'static str) -> Self {
        Self { ctrl: true, shift: true, key }
    }

    /// As people write it: `Ctrl+Shift+B`.
    #[must_use]
    pub fn label(self) -> String {
        let key = match self.key {
            "Escape" => "Esc",
            "Questionmark" => "?",
            "Plus" => "+",
            "Minus" => "−",
            "Equals" => "=",
            "Slash" => "/",
            other => other,
        };
        let ctrl = if cfg!(target_os = "macos") { "⌘" } else { "Ctrl+" };
        format!("{}{}{key}", if self.ctrl { ctrl } else { "" }, if self.shift { "Shift+" } else { "" })
    }
}

impl Action {
    /// All actions, in menu order.
    pub const ALL: [Self; 44] = [
        Self::OpenDialog,
        Self::OpenDemo,
        Self::ShowWelcome,
        Self::ReindexAll,
        Self::ExportSelection,
        Self::CloseAll,
        Self::Quit,
        Self::ShowGrid,
        Self::ShowMap,
        Self::ShowStatistics,
        Self::ShowWhy,
        Self::ShowCompare,
        Self::ResetLayout,
        Self::MapPan,
        Self::MapLasso,
        Self::MapFit,
        Self::ToggleFilters,
        Self::ToggleInspector,
        Self::ToggleCaptions,
        Self::ZoomIn,
        Self::ZoomOut,
        Self::FullScreen,
        Self::ToggleTheme,
        Self::SaveView,
        Self::ManageViews,
        Self::SelectAll,
        Self::ClearSelection,
        Self::InvertSelection,
        Self::FilterToSelection,
        Self::ExcludeSelection,
        Self::TagSelection,
        Self::CopyKeys,
        Self::Undo,
        Self::Redo,
        Self::FocusSearch,
        Self::OpenPalette,
        Self::ClearFilters,
        Self::Inspect,
        Self::RandomSample,
        Self::ShowModels,
        Self::ShowProblems,
        Self::ShowLog,
        Self::ShowHelp,
        Self::ShowAbout,
    ];

    /// What it does, as menu and palette say it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OpenDialog => "Open…",
            Self::OpenDemo => "Open the demo datasets",
            Self::ReindexAll => "Read changed shards again",
            Self::CloseAll => "Close all datasets",
            Self::ShowWelcome => "Start page",
            Self::ExportSelection => "Export records…",
            Self::Quit => "Quit",
            Self::FocusSearch => "Search captions, leaves, keys",
            Self::OpenPalette => "Command palette",
            Self::ShowGrid => "Grid",
            Self::ShowMap => "Map",
            Self::ShowStatistics => "Statistics",
            Self::ShowWhy => "Why",
            Self::ShowCompare => "Compare",
            Self::ResetLayout => "All lenses as tabs",
            Self::MapPan => "Pan the map",
            Self::MapLasso => "Lasso on the map",
            Self::MapFit => "Fit the map",
            Self::ToggleFilters => "Filter side bar",
            Self::ToggleInspector => "Inspector",
            Self::ToggleCaptions => "Captions in the grid",
            Self::ZoomIn => "Larger pictures",
            Self::ZoomOut => "Smaller pictures",
            Self::ToggleTheme => "Light or dark",
            Self::FullScreen => "Full screen",
            Self::SaveView => "Save this view…",
            Self::ManageViews => "Saved views…",
            Self::SelectAll => "Select all that match",
            Self::ClearSelection => "Clear the selection",
            Self::InvertSelection => "Invert the selection",
            Self::FilterToSelection => "Show the selection only",
            Self::ExcludeSelection => "Hide the selection",
            Self::TagSelection => "Tag the selection…",
            Self::CopyKeys => "Copy keys",
            Self::RandomSample => "Go to a random sample",
            Self::Inspect => "Inspect large",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::ClearFilters => "Clear all filters",
            Self::ShowModels => "Models…",
            Self::ShowProblems => "Problems found while reading",
            Self::ShowLog => "Log",
            Self::ShowHelp => "Keyboard and search help",
            Self::ShowAbout => "About Shopscope",
        }
    }

    /// The menu it stands in.
    #[must_use]
    pub const fn menu(self) -> Menu {
        match self {
            Self::OpenDialog
            | Self::OpenDemo
            | Self::ReindexAll
            | Self::CloseAll
            | Self::ShowWelcome
            | Self::ExportSelection
            | Self::Quit => Menu::File,
            Self::ShowGrid
            | Self::ShowMap
            | Self::ShowStatistics
            | Self::ShowWhy
            | Self::ShowCompare
            | Self::ResetLayout
            | Self::MapPan
            | Self::MapLasso
            | Self::MapFit
            | Self::ToggleFilters
            | Self::ToggleInspector
            | Self::ToggleCaptions
            | Self::ZoomIn
            | Self::ZoomOut
            | Self::ToggleTheme
            | Self::FullScreen
            | Self::SaveView
            | Self::ManageViews => Menu::View,
            Self::SelectAll
            | Self::ClearSelection
            | Self::InvertSelection
            | Self::FilterToSelection
            | Self::ExcludeSelection
            | Self::TagSelection
            | Self::CopyKeys
            | Self::Undo
            | Self::Redo => Menu::Selection,
            Self::FocusSearch
            | Self::OpenPalette
            | Self::ClearFilters
            | Self::RandomSample
            | Self::Inspect
            | Self::ShowModels
            | Self::ShowProblems => Menu::Tools,
            Self::ShowLog | Self::ShowHelp | Self::ShowAbout => Menu::Help,
        }
    }

    /// Its keys; the first is the one shown.
    #[must_use]
    pub const fn shortcuts(self) -> &'static [Shortcut] {
        match self {
            Self::OpenDialog => const { &[Shortcut::ctrl("O")] },
            Self::ReindexAll => const { &[Shortcut::ctrl("R"), Shortcut::plain("F5")] },
            Self::ExportSelection => const { &[Shortcut::ctrl("E")] },
            Self::Quit => const { &[Shortcut::ctrl("Q")] },
            Self::FocusSearch => const { &[Shortcut::ctrl("F"), Shortcut::plain("Slash")] },
            Self::OpenPalette => const { &[Shortcut::ctrl("K"), Shortcut::ctrl_shift("P")] },
            Self::ShowGrid => const { &[Shortcut::ctrl("1")] },
            Self::ShowStatistics => const { &[Shortcut::ctrl("2")] },
            Self::ShowMap => const { &[Shortcut::ctrl("3")] },
            Self::ShowWhy => const { &[Shortcut::ctrl("4")] },
            Self::ShowCompare => const { &[Shortcut::ctrl("5")] },
            Self::MapPan => const { &[Shortcut::plain("G")] },
            Self::MapLasso => const { &[Shortcut::plain("S")] },
            Self::MapFit => const { &[Shortcut::plain("0")] },
            Self::ToggleFilters => const { &[Shortcut::ctrl_shift("B")] },
            Self::ToggleInspector => const { &[Shortcut::ctrl_shift("I")] },
            Self::ToggleCaptions => const { &[Shortcut::plain("C")] },
            Self::ZoomIn => const { &[Shortcut::plain("Plus"), Shortcut::plain("Equals")] },
            Self::ZoomOut => const { &[Shortcut::plain("Minus")] },
            Self::ToggleTheme => const { &[Shortcut::ctrl_shift("L")] },
            Self::FullScreen => const { &[Shortcut::plain("F"), Shortcut::plain("F11")] },
            Self::SaveView => const { &[Shortcut::ctrl("S")] },
            Self::SelectAll => const { &[Shortcut::ctrl("A")] },
            Self::ClearSelection => const { &[Shortcut::plain("Escape")] },
            Self::InvertSelection => const { &[Shortcut::ctrl("I")] },
            Self::FilterToSelection => const { &[Shortcut::ctrl_shift("F")] },
            Self::ExcludeSelection => const { &[Shortcut::plain("Delete")] },
            Self::TagSelection => const { &[Shortcut::plain("T")] },
            Self::CopyKeys => const { &[Shortcut::ctrl_shift("C")] },
            Self::Undo => const { &[Shortcut::ctrl("Z")] },
            Self::Redo => const { &[Shortcut::ctrl_shift("Z"), Shortcut::ctrl("Y")] },
            Self::ClearFilters => const { &[Shortcut::ctrl("Backspace")] },
            Self::RandomSample => const { &[Shortcut::plain("R")] },
            Self::Inspect => const { &[Shortcut::plain("Enter")] },
            Self::ShowModels => const { &[Shortcut::ctrl("M")] },
            Self::ShowHelp => const { &[Shortcut::plain("Questionmark"), Shortcut::plain("F1")] },
            Self::OpenDemo
            | Self::CloseAll
            | Self::ShowWelcome
            | Self::ManageViews
            | Self::ResetLayout
            | Self::ShowProblems
            | Self::ShowLog
            | Self::ShowAbout => &[],
        }
    }

    /// False where it could do nothing now; menus show it faint then and shortcuts pass it over.
    #[must_use]
    pub fn enabled(self, state: &State) -> bool {
        let open = state.screen == Screen::Explore;
        match self {
            Self::OpenDialog
            | Self::OpenDemo
            | Self::Quit
            | Self::OpenPalette
            | Self::ToggleTheme
            | Self::FullScreen
            | Self::ShowModels
            | Self::ShowLog
            | Self::ShowHelp
            | Self::ShowAbout => true,
            Self::ReindexAll
            | Self::CloseAll
            | Self::ShowWelcome
            | Self::FocusSearch
            | Self::ToggleFilters
            | Self::ToggleInspector
            | Self::ToggleCaptions
            | Self::ZoomIn
            | Self::ZoomOut
            | Self::SaveView
            | Self::ManageViews
            | Self::ShowProblems => open,
            Self::ShowGrid => open && state.lens != Lens::Grid,
            Self::ShowMap => open && state.lens != Lens::Map,
            Self::ShowStatistics => open && state.lens != Lens::Statistics,
            Self::ShowWhy => open && state.lens != Lens::Why,
            Self::ShowCompare => open && state.lens != Lens::Compare,
            Self::MapPan | Self::MapLasso => open && state.shows(Lens::Map),
            Self::MapFit => open && state.shows(Lens::Map) && state.map.view.camera != Camera::default(),
            Self::ResetLayout => open && matches!(state.settings.layout, Layout::Split { .. }),
            Self::ExportSelection | Self::SelectAll | Self::RandomSample | Self::InvertSelection => {
                open && !state.result.matching.is_empty()
            }
            Self::ClearSelection => open && (!state.selection.is_empty() || state.large),
            Self::FilterToSelection | Self::ExcludeSelection | Self::TagSelection | Self::CopyKeys => {
                open && !state.selection.is_empty()
            }
            Self::Inspect => open && state.focus.is_some() && matches!(state.lens, Lens::Grid | Lens::Map | Lens::Why),
            Self::Undo => open && state.history.can_undo(),
            Self::Redo => open && state.history.can_redo(),
            Self::ClearFilters => open && !state.chips.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Two actions on one key, or an action twice in the list.
    fn clashes(actions: &[(Action, &'static [Shortcut])]) -> Vec<String> {
        let mut seen: HashMap<Shortcut, Action> = HashMap::new();
        let mut found = Vec::new();
        for &(action, keys) in actions {
            for &key in keys {
                if let Some(other) = seen.insert(key, action) {
                    found.push(format!("{} belongs to {other:?} and {action:?}", key.label()));
                }
            }
        }
        found
    }

    #[test]
    fn no_two_actions_share_a_key() {
        let all: Vec<_> = Action::ALL.iter().map(|&action| (action, action.shortcuts())).collect();
        assert_eq!(clashes(&all), Vec::<String>::new());
        let wrong = [(Action::Undo, Action::Undo.shortcuts()), (Action::Redo, Action::Undo.shortcuts())];
        assert_eq!(clashes(&wrong).len(), 1, "the check finds a clash where there is one");
    }

    #[test]
    fn every_action_is_listed_once_with_a_label_of_its_own() {
        let mut labels: Vec<_> = Action::ALL.iter().map(|action| action.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Action::ALL.len());
    }

    #[test]
    fn menus_stand_together_in_the_list() {
        let order: Vec<_> = Action::ALL.iter().map(|action| action.menu()).collect();
        for menu in Menu::ALL {
            let positions: Vec<_> = (0..order.len()).filter(|&i| order[i] == menu).collect();
            assert!(!positions.is_empty(), "{menu:?} is empty");
            assert_eq!(positions.len(), positions[positions.len() - 1] - positions[0] + 1, "{menu:?} is torn apart");
        }
    }
}
