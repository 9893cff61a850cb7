package import AnnData
import DifferentialExpression

/// One (perturbation, gene) pair of a result.
package struct Effect: Equatable {
    /// Position of the perturbation.
    package var row: Int
    /// Position of the gene.
    package var gene: Int
    /// A value for each column of the table; NaN where there is none.
    package var values: [Double]
}

/// A layer of a result as a column of a table.
package struct EffectColumn: Equatable {
    /// Heading.
    package var name: String
    /// Where the values come from.
    package var layer: String
    /// Whether the values are stored in single precision.
    package var isSingle: Bool
}

/// What of a result is asked for.
package struct EffectQuery {
    /// Whose effects.
    package enum Subject: Equatable {
        /// Those of every perturbation, one after the other.
        case everything
        /// Those of the perturbation at a position.
        case perturbation(Int)
        /// Those on the gene at a position.
        case gene(Int)
    }

    package var subject: Subject
    /// How many tested pairs at most, for each perturbation or for the gene; nil for every pair,
    /// those that were not tested last.
    package var top: Int?
    package var order: EffectOrder

    /// A query of the given parts.
    package init(subject: Subject, top: Int?, order: EffectOrder = .score) {
        self.subject = subject
        self.top = top
        self.order = order
    }
}

/// Looks effects up in a result, reading only what it needs: whole rows of the layers shown, or
/// single elements for a gene.
package struct EffectTable {
    /// The columns that every table has, named after the layers they show.
    package static let mainLayers = ["logfoldchanges", "z_score", "pvalue", "pvalue_adj"]
    /// Up to this many pairs of a gene are read one by one instead of as a column.
    private static let fewElements = 64

    package let reader: ResultReader
    package let columns: [EffectColumn]

    /// A table of a result.
    ///
    /// - Parameters:
    ///   - reader: The result.
    ///   - hasEveryLayer: Whether to show every layer instead of the main ones; `X` is called
    ///     `effect_size`.
    /// - Throws: ``RunFailure`` when the result lacks one of the main layers.
    package init(reader: ResultReader, hasEveryLayer: Bool) throws(RunFailure) {
        self.reader = reader
        for layer in Self.mainLayers where !reader.layerNames.contains(layer) {
            throw RunFailure(
                .badInput,
                "\(reader.path): not a result of a test of differential expression: it has no layer "
                    + "\(layer); it has \(reader.layerNames.joined(separator: ", "))"
            )
        }
        var layers = Self.mainLayers
        if hasEveryLayer {
            let schema = RowSchema.nbGLM.layers.map(\.name)
            let known = Dictionary(
                uniqueKeysWithValues: schema.enumerated().map { ($0.element, $0.offset) }
            )
            layers += reader.layerNames.filter { !Self.mainLayers.contains($0) }.sorted {
                (known[$0] ?? schema.count, $0) < (known[$1] ?? schema.count, $1)
            }
        }
        columns = layers.map { layer in
            EffectColumn(
                name: layer == ResultLayout.mainLayer ? "effect_size" : layer,
                layer: layer,
                isSingle: reader.isSinglePrecision(layer)
            )
        }
    }

    /// The position of a perturbation.
    ///
    /// - Throws: ``RunFailure`` for an unknown label, with those that it may have meant.
    package func row(of label: String) throws(RunFailure) -> Int {
        if let row = reader.perturbations.firstIndex(of: label) { return row }
        throw RunFailure(
            .badInput,
            "\(reader.path): there is no perturbation '\(label)'; "
                + Self.hint(label, reader.perturbations)
        )
    }

    /// The position of a gene.
    ///
    /// - Throws: ``RunFailure`` for a name that no gene or more than one has.
    package func gene(named name: String) throws(RunFailure) -> Int {
        let positions = reader.genes.indices.filter { reader.genes[$0] == name }
        if positions.count == 1 { return positions[0] }
        guard positions.isEmpty else {
            let choices = positions.prefix(10).map(String.init).joined(separator: ", ")
            throw RunFailure(
                .badInput,
                "\(reader.path): \(positions.count) genes are called '\(name)'; choose one by its "
                    + "position in var, counted from 0, with --gene-position: \(choices)"
                    + (positions.count > 10 ? ", ..." : "")
            )
        }
        throw RunFailure(
            .badInput,
            "\(reader.path): there is no gene '\(name)'; " + Self.hint(name, reader.genes)
        )
    }

    /// Checks the position of a gene.
    package func gene(at position: Int) throws(RunFailure) -> Int {
        guard reader.genes.indices.contains(position) else {
            throw RunFailure(
                .badInput,
                "\(reader.path): there is no gene at position \(position); positions go from 0 to "
                    + "\(reader.genes.count - 1)"
            )
        }
        return position
    }

    private static func hint(_ name: String, _ names: [String]) -> String {
        let near = NearestNames.of(name, in: names)
        return near.isEmpty
            ? "it holds \(ScreenPlan.quoted(names))" : "near are \(ScreenPlan.quoted(near))"
    }

    /// Looks up effects and hands them over as they are read, those of one row at a time.
    ///
    /// - Parameters:
    ///   - query: What is asked for.
    ///   - body: Takes the effects of a row, or those of the gene; returns false to stop.
    /// - Returns: Positions of perturbations that were read and have no tested gene.
    /// - Throws: ``RunFailure`` when the file cannot be read, and what `body` throws.
    @discardableResult
    package func visit(
        _ query: EffectQuery,
        _ body: ([Effect]) throws(RunFailure) -> Bool
    ) throws(RunFailure) -> [Int] {
        let rows: Range<Int>
        switch query.subject {
        case .gene(let gene):
            _ = try body(try effects(gene: gene, query))
            return []
        case .perturbation(let row): rows = row..<row + 1
        case .everything: rows = reader.perturbations.indices
        }
        var untested: [Int] = []
        for row in rows {
            let (effects, hasTests) = try effects(row: row, query)
            if !hasTests { untested.append(row) }
            guard try body(effects) else { break }
        }
        return untested
    }

    private func effects(
        row: Int,
        _ query: EffectQuery
    ) throws(RunFailure) -> (effects: [Effect], hasTests: Bool) {
        try Self.reading { () throws(AnnDataWriteError) in
            var read = ["z_score": try reader.row(row, of: "z_score")]
            if let layer = query.order.layer, read[layer] == nil {
                read[layer] = try reader.row(row, of: layer)
            }
            let (positions, hasTests) = Self.positions(read, query)
            guard !positions.isEmpty else { return ([], hasTests) }
            var values = positions.map { _ in [Double]() }
            for column in columns {
                let layer =
                    if let known = read[column.layer] { known } else {
                        try reader.row(row, of: column.layer)
                    }
                for (index, position) in positions.enumerated() {
                    values[index].append(layer[position])
                }
            }
            let effects = zip(positions, values).map { Effect(row: row, gene: $0, values: $1) }
            return (effects, hasTests)
        }
    }

    private func effects(gene: Int, _ query: EffectQuery) throws(RunFailure) -> [Effect] {
        try Self.reading { () throws(AnnDataWriteError) in
            var read = ["z_score": try reader.column(gene, of: "z_score")]
            if let layer = query.order.layer, read[layer] == nil {
                read[layer] = try reader.column(gene, of: layer)
            }
            let (positions, _) = Self.positions(read, query)
            let isFew = positions.count <= Self.fewElements
            var effects = positions.map { Effect(row: $0, gene: gene, values: []) }
            for column in columns {
                if read[column.layer] == nil, !isFew {
                    read[column.layer] = try reader.column(gene, of: column.layer)
                }
                for index in effects.indices {
                    let row = effects[index].row
                    let value =
                        if let known = read[column.layer] { known[row] } else {
                            try reader.element(row: row, gene: gene, of: column.layer)
                        }
                    effects[index].values.append(value)
                }
            }
            return effects
        }
    }

    private static func positions(
        _ read: [String: [Double]],
        _ query: EffectQuery
    ) -> (positions: [Int], hasTests: Bool) {
        let scores = read["z_score"] ?? []
        let values = query.order.layer.flatMap { read[$0] } ?? scores
        let strengths = query.order.strengths(scores: scores, values: values)
        let positions =
            query.order == .file
            ? EffectRanking.inFileOrder(strengths, top: query.top)
            : EffectRanking.positions(strengths, top: query.top)
        return (positions, scores.contains { !$0.isNaN })
    }

    private static func reading<Result>(
        _ body: () throws(AnnDataWriteError) -> Result
    ) throws(RunFailure) -> Result {
        do throws(AnnDataWriteError) { return try body() } catch {
            throw RunFailure(reading: error)
        }
    }
}
