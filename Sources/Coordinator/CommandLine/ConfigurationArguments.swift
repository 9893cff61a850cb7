import ArgumentParser

/// The option that names a file with options.
///
/// The file is read before the command line is parsed (``ConfiguredArguments``); what is parsed here
/// is only its name.
struct ConfigurationArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Read options from this YAML file, by their names without the dashes, such as "
                + "'min-mu: 0'; what the command line says wins. See docs/configuration.md.",
            valueName: "file.yaml"
        )
    )
    var config: String?
}
