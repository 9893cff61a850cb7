/// Options of the Python package that this program does not take, each with what to do instead.
///
/// They only steer the package's memory and processes, or the package takes and ignores them. A
/// script that relies on one must not run with it ignored.
package enum OptionsOfTheReference {
    /// Looks for such an option.
    ///
    /// - Parameter arguments: The words after the program's name.
    /// - Returns: Why the command line is refused; nil when it is not.
    package static func refusal(of arguments: [String]) -> String? {
        for argument in arguments {
            if argument == "--" { break }
            guard argument.hasPrefix("--") else { continue }
            let name = String(argument.prefix { $0 != "=" })
            let positive = name.hasPrefix("--no-") ? "--" + name.dropFirst("--no-".count) : name
            if let reason = refused[positive] { return "\(name): \(reason)" }
        }
        return nil
    }

    private static let refused: [String: String] = {
        let memory = "memory is governed by --memory-limit alone; leave this option out"
        let ignored = "crispyx 0.0.4 takes this option and ignores it; "
        return [
            "--batch-size": memory,
            "--cell-chunk-size":
                "sums are cut every 4096 cells of the file, whatever the "
                + "memory, so that results do not depend on it; leave this option out",
            "--checkpoint-interval": "every row is saved within seconds; leave this option out",
            "--chunk-size": memory,
            "--cook-filter": ignored + "no test is filtered by Cook's distance; leave it out",
            "--dispersion": ignored
                + "dispersions are always estimated; leave it out for the same numbers",
            "--irls-batch-size": memory,
            "--max-dense-fraction": memory,
            "--n-jobs":
                "processes and threads are set by --local-workers and --threads, and change "
                + "no number",
            "--share-dispersion": ignored + "--dispersion-scope global is what shares dispersions",
        ]
    }()
}
