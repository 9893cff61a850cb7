import Statistics

/// What shrinkage takes from a fit: one row of an earlier result, or of a fit just done.
package struct ShrinkageInput: Sendable, Equatable {
    /// β0, natural log; shape `[genes]`.
    package let intercept: [Double]
    /// β1, natural log, NaN where there is none; shape `[genes]`.
    package let effect: [Double]
    /// Standard error of β1, natural log, NaN where there is none; shape `[genes]`.
    package let standardError: [Double]
    /// Dispersion, NaN where there is none; shape `[genes]`.
    package let dispersion: [Double]

    /// Number of genes.
    package var geneCount: Int { effect.count }

    /// Gathers four rows of equal length.
    package init(
        intercept: [Double],
        effect: [Double],
        standardError: [Double],
        dispersion: [Double]
    ) {
        precondition(
            [intercept.count, standardError.count, dispersion.count].allSatisfy {
                $0 == effect.count
            },
            "one value for each gene"
        )
        self.intercept = intercept
        self.effect = effect
        self.standardError = standardError
        self.dispersion = dispersion
    }

    /// The input as bytes: the four rows one after the other, little-endian.
    package func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * 8 * geneCount)
        for row in [intercept, effect, standardError, dispersion] {
            bytes.append(littleEndian: row)
        }
        return bytes
    }

    /// Reads what ``encoded()`` wrote; any numbers are taken.
    ///
    /// - Throws: `wrongLength` when the bytes are not four rows of `geneCount` values.
    package init(bytes: [UInt8], geneCount: Int) throws(FitInputError) {
        let expected = 4 * 8 * geneCount
        guard bytes.count == expected else {
            throw .wrongLength(found: bytes.count, expected: expected)
        }
        var reader = LittleEndianReader(bytes: bytes)
        self.init(
            intercept: reader.doubles(geneCount),
            effect: reader.doubles(geneCount),
            standardError: reader.doubles(geneCount),
            dispersion: reader.doubles(geneCount)
        )
    }

    /// The prior's scale from this row alone, natural log.
    package var priorScale: Double {
        PriorScale.estimate(effects: effect, errors: standardError)
    }

    /// One gene's values.
    func fit(_ gene: Int) -> EarlierFit {
        EarlierFit(
            coefficients: [intercept[gene], effect[gene]],
            standardError: standardError[gene],
            dispersion: dispersion[gene]
        )
    }
}

/// A row of shrunken effects before it is put into schema order.
package struct ShrunkenRow: Sendable, Equatable {
    /// Posterior modes, natural log; shape `[genes]`.
    package var effect: [Double]
    /// Posterior standard errors, natural log; shape `[genes]`.
    package var standardError: [Double]

    /// Shrinks one row of an earlier result by its estimates and errors alone (method `stats`).
    ///
    /// - Parameters:
    ///   - effect: β1, natural log; shape `[genes]`.
    ///   - standardError: Their standard errors; shape `[genes]`.
    ///   - priorScale: The prior's scale, natural log; nil for this row's own.
    package init(effect: [Double], standardError: [Double], priorScale: Double?) {
        let scale = priorScale ?? PriorScale.estimate(effects: effect, errors: standardError)
        let shrinkage = WaldShrinkage(scale: scale)
        let shrunken = zip(effect, standardError).map {
            shrinkage.shrink(effect: $0, error: $1)
        }
        self.effect = shrunken.map(\.effect)
        self.standardError = shrunken.map(\.standardError)
    }

    /// Joins modes and errors.
    init(effect: [Double], standardError: [Double]) {
        self.effect = effect
        self.standardError = standardError
    }

    /// The row as a result's: every layer that shrinkage replaces, in its unit.
    package func row(
        perturbation: UInt32,
        base: AnalysisOptions.FoldChangeBase
    ) -> PerturbationRow {
        let unit = base == .log2 ? RealFunctions.log(2) : 1
        let foldChange = effect.map { $0 / unit }
        let bytes = RowSchema.shrinkage.encoded(geneCount: effect.count) { layer in
            switch layer {
            case "X", "logfoldchanges": .doubles(foldChange)
            case "standard_error": .doubles(standardError.map { $0 / unit })
            default: preconditionFailure("the schema names a layer without values: \(layer)")
            }
        }
        return PerturbationRow(perturbation: perturbation, bytes: bytes)
    }
}
