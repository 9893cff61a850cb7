import DifferentialExpression

/// Compares what a run computed for a case with the reference's arrays.
struct LayerComparison<Run: MethodRun> {
    let screen: GoldenScreen
    let run: Run
    let bounds: Tolerances
    private let silent: [[Bool]]
    private let excluded: [[Bool]]

    /// Prepares the comparison with the case that the run was made for.
    init(_ screen: GoldenScreen, _ run: Run) throws {
        self.screen = screen
        self.run = run
        bounds = Tolerances(screen.testCase, screen.options)
        silent = try Self.silentGenes(screen)
        excluded = try Self.genesWithoutSecureMode(screen)
    }

    /// Size factors, every layer of the method, and every recorded stage that the run shows.
    func everything() throws -> [Comparison] {
        var found: [Comparison] = []
        if let sizeFactors = try sizeFactors() { found.append(sizeFactors) }
        found += try screen.options.rowSchema.layers.map { try layer($0.name) }
        let names = bounds.entries.flatMap(\.names)
        var seen: Set<String> = []
        for name in names where seen.insert(name).inserted {
            if let stage = try stage(name) { found.append(stage) }
        }
        return found
    }

    /// Compares one layer of the result in all rows.
    func layer(_ name: String) throws -> Comparison {
        guard let strict = bounds.bound(name) else { throw GoldenError.missing(name) }
        let expected = try screen.golden.array(name, of: screen.testCase)
        let errors = screen.golden.arrayIfPresent(
            name.hasSuffix("_ln") ? "standard_error_ln" : "standard_error",
            of: screen.testCase
        )
        var comparison = Comparison(name)
        for (row, label) in screen.testCase.perturbations.enumerated() {
            let found = try run.values(ofLayer: name, row: row)
            let expectedRow = Array(expected.row(row))
            let errorRow = errors.map { Array($0.row(row)) }
            // One p-value of a silent gene moves the adjusted ones of its row, its dispersion the
            // row's trend.
            let isRowLoose =
                ["pvalue_adj", "dispersion_trend"].contains(name) && silent[row].contains(true)
            for gene in expectedRow.indices {
                if isPosterior(name), excluded[row][gene] { continue }
                comparison.add(
                    expectedRow[gene],
                    found[gene],
                    within: bound(strict, name, isLoose: isRowLoose || silent[row][gene]),
                    error: errorRow?[gene] ?? .nan,
                    at: "'\(label)' x '\(screen.expectedGenes[gene])'"
                )
            }
        }
        return comparison
    }

    /// Compares one recorded stage; nil when the reference or the run does not have it.
    func stage(_ name: String) throws -> Comparison? {
        guard let strict = bounds.bound(name),
            let expected = screen.golden.arrayIfPresent("stages/\(name)", of: screen.testCase),
            let found = try run.stage(name)
        else { return nil }
        guard found.count == expected.values.count else { throw GoldenError.missing(name) }
        let genes = screen.expectedGenes
        let isByGene = expected.columns == genes.count
        let everSilent = genes.indices.map { gene in silent.contains { $0[gene] } }
        var comparison = Comparison(name)
        for index in found.indices {
            let gene = index % expected.columns
            comparison.add(
                expected.values[index],
                found[index],
                within: bound(strict, name, isLoose: isByGene && everSilent[gene]),
                at: isByGene ? "'\(genes[gene])', line \(index / genes.count)" : "\(index)"
            )
        }
        return comparison
    }

    /// Compares the size factors of all cells with a label; nil for a method without.
    func sizeFactors() throws -> Comparison? {
        guard let bound = bounds.bound("size_factors"), let all = run.sizeFactors else {
            return nil
        }
        let expected = try screen.golden.array("size_factors", of: screen.testCase).values
        let found = screen.labelled(all)
        guard found.count == expected.count else { throw GoldenError.missing("size_factors") }
        var comparison = Comparison("size_factors")
        for cell in expected.indices {
            comparison.add(expected[cell], found[cell], within: bound, at: "cell \(cell)")
        }
        return comparison
    }

    /// Compares a ranking of genes: where two have the same statistic either may come first.
    ///
    /// - Parameter found: For each row the positions of the genes, best first.
    /// - Returns: The comparison of the statistics in that order.
    /// - Throws: `GoldenError` when the reference's ranking is missing.
    func order(_ found: [[Int]]) throws -> Comparison {
        let expected = try screen.golden.array("order", of: screen.testCase)
        let scores = try screen.golden.array("z_score", of: screen.testCase)
        var comparison = Comparison("order")
        for (row, label) in screen.testCase.perturbations.enumerated() {
            let score = scores.row(row).map(\.magnitude)
            for (place, gene) in expected.row(row).enumerated() {
                comparison.add(
                    score[Int(gene)],
                    score[found[row][place]],
                    within: .exact,
                    at: "'\(label)', place \(place)"
                )
            }
        }
        return comparison
    }

    private func bound(_ strict: Bound, _ name: String, isLoose: Bool) -> Bound {
        guard isLoose, let loose = Tolerances.silent.bound(name) else { return strict }
        return strict.loosened(to: loose)
    }

    private func isPosterior(_ name: String) -> Bool {
        ["X", "logfoldchanges", "standard_error", "standard_error_ln"].contains(name)
    }

    /// Whether a gene has no count in the control and fitted means have no floor, by row.
    private static func silentGenes(_ screen: GoldenScreen) throws -> [[Bool]] {
        let geneCount = screen.expectedGenes.count
        let none = [Bool](repeating: false, count: geneCount)
        guard screen.options.method == .nbGLM, screen.options.minimumMean <= 0 else {
            return screen.testCase.perturbations.map { _ in none }
        }
        let shares = try screen.golden.array("pts_rest", of: screen.testCase)
        return (0..<shares.rows).map { row in shares.row(row).map { $0 == 0 } }
    }

    /// Where the reference's minimiser stops far from the posterior mode: next to no dispersion, or
    /// more than a million counts, by row.
    private static func genesWithoutSecureMode(_ screen: GoldenScreen) throws -> [[Bool]] {
        let testCase = screen.testCase
        let none = [Bool](repeating: false, count: screen.expectedGenes.count)
        guard let counts = screen.golden.arrayIfPresent("stages/total_count", of: testCase) else {
            return testCase.perturbations.map { _ in none }
        }
        let fitted = try testCase.source.map { try screen.golden.testCase($0) } ?? testCase
        let dispersions = try screen.golden.array("dispersion", of: fitted)
        return testCase.perturbations.indices.map { row in
            zip(counts.row(row), dispersions.row(row)).map { $0 > 1e6 || $1 < 1e-3 }
        }
    }
}
