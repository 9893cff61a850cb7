import AnnData
import Foundation

/// One tested (perturbation, gene) pair of a result.
struct Effect: Codable, Equatable {
    var perturbation: String
    var gene: String
    /// In the unit of the result's `lfc_base`.
    var logFoldChange: Double
    var z: Double
    var pValue: Double
    var adjustedPValue: Double
}

/// Looks effects up in a result, reading only the rows it needs.
struct EffectTable {
    private let reader: ResultReader

    init(reader: ResultReader) throws(RunFailure) {
        self.reader = reader
        let needed = ["logfoldchanges", "z_score", "pvalue", "pvalue_adj"]
        for layer in needed where !reader.layerNames.contains(layer) {
            throw RunFailure(.badInput, "\(reader.path): the result has no layer \(layer)")
        }
    }

    /// The strongest effects of one perturbation, or of each of them, by |z|.
    ///
    /// - Throws: ``RunFailure`` for an unknown label, `AnnDataWriteError` for an unreadable file.
    func effects(ofPerturbation label: String?, top: Int) throws -> [Effect] {
        var rows = Array(reader.perturbations.indices)
        if let label {
            rows = rows.filter { reader.perturbations[$0] == label }
            if rows.isEmpty {
                throw RunFailure(
                    .badInput,
                    "\(reader.path): there is no perturbation '\(label)'; it holds "
                        + ScreenPlan.quoted(reader.perturbations)
                )
            }
        }
        return try rows.flatMap { try effects(row: $0).prefix(top) }
    }

    /// The strongest effects on one gene, by |z|.
    ///
    /// - Throws: ``RunFailure`` for a name that no gene or more than one has.
    func effects(ofGene name: String, top: Int) throws -> [Effect] {
        let positions = reader.genes.indices.filter { reader.genes[$0] == name }
        guard positions.count == 1 else {
            throw RunFailure(
                .badInput,
                positions.isEmpty
                    ? "\(reader.path): there is no gene '\(name)'"
                    : "\(reader.path): \(positions.count) genes are called '\(name)'"
            )
        }
        var found: [Effect] = []
        for row in reader.perturbations.indices {
            found += try effects(row: row, genes: positions)
        }
        return Array(Self.ranked(found).prefix(top))
    }

    /// The tested genes of a row, strongest first.
    private func effects(row: Int, genes: [Int]? = nil) throws -> [Effect] {
        let foldChange = try reader.row(row, of: "logfoldchanges")
        let z = try reader.row(row, of: "z_score")
        let p = try reader.row(row, of: "pvalue")
        let adjusted = try reader.row(row, of: "pvalue_adj")
        let tested = (genes ?? Array(z.indices)).filter { !z[$0].isNaN }
        return Self.ranked(
            tested.map {
                Effect(
                    perturbation: reader.perturbations[row],
                    gene: reader.genes[$0],
                    logFoldChange: foldChange[$0],
                    z: z[$0],
                    pValue: p[$0],
                    adjustedPValue: adjusted[$0]
                )
            }
        )
    }

    /// Largest |z| first; ties keep their order.
    private static func ranked(_ effects: [Effect]) -> [Effect] {
        effects.enumerated().sorted {
            let (left, right) = ($0.element.z.magnitude, $1.element.z.magnitude)
            return left != right ? left > right : $0.offset < $1.offset
        }.map(\.element)
    }
}

/// Effects as text.
struct EffectText {
    /// How effects are written.
    enum Form {
        case table
        case tsv
        case json
    }

    let effects: [Effect]

    private static let header = [
        "perturbation", "gene", "logfoldchange", "z_score", "pvalue", "pvalue_adj",
    ]

    /// The effects in one of the forms.
    func rendered(_ form: Form) throws -> String {
        switch form {
        case .json:
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return String(decoding: try encoder.encode(effects), as: UTF8.self)
        case .tsv:
            let lines = effects.map { effect in
                [
                    effect.perturbation, effect.gene, "\(effect.logFoldChange)", "\(effect.z)",
                    "\(effect.pValue)", "\(effect.adjustedPValue)",
                ].joined(separator: "\t")
            }
            return ([Self.header.joined(separator: "\t")] + lines).joined(separator: "\n")
        case .table:
            return aligned(
                [Self.header]
                    + effects.map { effect in
                        [
                            effect.perturbation, effect.gene,
                            String(format: "%.3f", effect.logFoldChange),
                            String(format: "%.2f", effect.z),
                            String(format: "%.2e", effect.pValue),
                            String(format: "%.2e", effect.adjustedPValue),
                        ]
                    }
            )
        }
    }

    /// Columns padded to their widest entry, names to the left and numbers to the right.
    private func aligned(_ rows: [[String]]) -> String {
        let widths = Self.header.indices.map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column < 2 ? text + padding : padding + text
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
